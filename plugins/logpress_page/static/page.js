// What the pages do beyond links and forms. Without it all can be read, and days are pressed in Airflow's own form.

// Airflow shows us in a frame that may not move its page: so a link of Airflow's page is clicked there.
function openOutside(href, event) {
  const page = window.parent !== window ? window.parent.document : document;
  const link = page.createElement("a");
  link.href = href;
  if (event && (event.ctrlKey || event.metaKey)) link.target = "_blank";
  page.body.append(link);
  link.click();
  link.remove();
}

function outerAddress() {
  const { pathname, search, hash } = (window.parent !== window ? window.parent : window).location;
  return pathname + search + hash;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.out");
  if (!link || event.button !== 0) return;
  event.preventDefault();
  openOutside(link.href, event);
});

const login = document.querySelector("a[data-login]");
if (login) {
  login.href += `?${new URLSearchParams({ next: outerAddress() })}`;
  openOutside(login.href);
}

// The calendar is one stop of the tab key; arrows move in it, as in any grid.
for (const table of document.querySelectorAll("table.calendar")) {
  const rows = [...table.tBodies[0].rows];
  const at = (row, column) => rows[row]?.cells[column]?.querySelector("a") ?? null;
  const links = [...table.querySelectorAll("a")];
  const stop = (link) => {
    for (const one of links) one.tabIndex = one === link ? 0 : -1;
  };
  const newest = links.reduce((a, b) => (a && a.href > b.href ? a : b), null);
  if (newest) stop(newest);
  table.addEventListener("focusin", (event) => event.target.closest("a") && stop(event.target));
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 }[event.key];
    if (!cell || !step) return;
    let place = cell.cellIndex * 7 + rows.indexOf(cell.parentElement);
    let next = null;
    do {
      place += step;
      next = at(((place % 7) + 7) % 7, Math.floor(place / 7));
    } while (!next && place >= 7 && place < 7 * (rows[0].cells.length + 1));
    if (next) next.focus();
    event.preventDefault();
  });
  const box = table.closest(".newest-last");
  box.scrollLeft = box.scrollWidth;
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// Press a day: Airflow's API with the rights of who looks.
for (const button of document.querySelectorAll("button[data-press]")) {
  const told = button.closest(".press").querySelector(".told");
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "Asking Airflow …";
    const airflow = document.documentElement.dataset.airflow;
    const dag = encodeURIComponent(button.dataset.press);
    try {
      const answer = await fetch(`${airflow}/api/v2/dags/${dag}/dagRuns`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({
          logical_date: null,
          partition_key: button.dataset.day,
          conf: { force: true },
          note: "Pressed from the page Pressed days",
        }),
      });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        const detail = typeof said.detail === "string" ? said.detail : JSON.stringify(said.detail ?? said);
        throw new Error(`Airflow refuses (${answer.status}): ${detail}`);
      }
      const run = document.createElement("a");
      run.className = "out";
      run.href = `${airflow}/dags/${dag}/runs/${encodeURIComponent(said.dag_run_id)}`;
      run.textContent = "See the run";
      told.replaceChildren(`${button.dataset.day} is queued. `, run);
    } catch (error) {
      told.textContent = error.message;
      button.disabled = false;
    }
  });
}

// A day at work changes soon; who reads or writes is not disturbed.
if (document.querySelector(".answer.s-running")) {
  setInterval(() => {
    const isBusy = document.querySelector("details[open]") || document.activeElement?.closest("form");
    if (!document.hidden && !isBusy) location.reload();
  }, 30_000);
}
