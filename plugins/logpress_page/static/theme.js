// Airflow's theme: the class of its page if we are in a frame of it, else what its switch has stored, else the system's.
(() => {
  const root = document.documentElement;
  const outer = () => {
    try {
      return window.parent !== window ? window.parent.document.documentElement : null;
    } catch {
      return null;
    }
  };
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const show = () => {
    const frame = outer();
    const named = ["dark", "light"].find((name) => frame?.classList.contains(name)) ?? stored();
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = named === "dark" || named === "light" ? named : system;
    if (root.dataset.theme !== theme) {
      root.dataset.theme = theme;
      root.dispatchEvent(new CustomEvent("theme"));
    }
  };
  show();
  const frame = outer();
  if (frame) new MutationObserver(show).observe(frame, { attributes: true, attributeFilter: ["class"] });
  addEventListener("storage", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
})();
