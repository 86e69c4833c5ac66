import Link from "next/link";

export default function NotFound() {
  return <div className="empty"><strong>There is no such page.</strong><Link href="/">To the overview</Link></div>;
}
