import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Shell } from "@/components/shell";
import { ToastHost } from "@/components/ui";
import { SessionHost } from "@/lib/session";
import "./globals.css";

export const metadata: Metadata = { title: "Headgate", description: "An AI gateway" };
export const viewport: Viewport = { width: "device-width", initialScale: 1 };

// Before the first paint, or the page would flash in the other theme.
const THEME = `document.documentElement.dataset.theme=localStorage.getItem("theme")||(matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light")`;

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head><script dangerouslySetInnerHTML={{ __html: THEME }} /></head>
      <body><SessionHost><ToastHost><Shell>{children}</Shell></ToastHost></SessionHost></body>
    </html>
  );
}
