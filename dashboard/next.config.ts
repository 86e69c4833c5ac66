import type { NextConfig } from "next";

// The gateway replaces this word by the path prefix that it is served under, so that one build serves all.
const PREFIX = "/__headgate__";

const config: NextConfig = {
  output: "export",
  basePath: PREFIX,
  env: { NEXT_PUBLIC_PREFIX: PREFIX },
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  // `npm run check` looks at the types, and so do the browser's walks: whoever builds to serve need not wait for it.
  typescript: { ignoreBuildErrors: true },
};

export default config;
