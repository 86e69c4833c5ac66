// Light or dark: what was chosen here, else what the machine prefers; set before the first paint by the layout.

export function dark(): boolean {
  return document.documentElement.dataset.theme === "dark";
}

export function switchTheme(): void {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  dispatchEvent(new Event("theme"));
}
