// The lines of a table's days, by uPlot: value, usual band, days outside of it as marks.
(() => {
  const place = document.getElementById("charts");
  if (!place) return;
  const { days, lines } = JSON.parse(document.getElementById("trends").textContent);
  const root = document.documentElement;
  const write = {
    count: (value) => Math.round(value).toLocaleString("en"),
    bytes: (value) => value.toFixed(2),
    share: (value) => `${(100 * value).toFixed(value && value < 0.1 ? 2 : 1)} %`,
  };
  const short = {
    count: (value) => (value >= 1e6 ? `${+(value / 1e6).toFixed(2)} M` : value >= 1e3 ? `${+(value / 1e3).toFixed(1)} k` : `${value}`),
    bytes: (value) => `${+value.toFixed(2)}`,
    share: (value) => `${+(100 * value).toPrecision(3)} %`,
  };
  const rangeOf = (unit, low, high) => {
    if (low === null || high === null) return [0, 1];
    const room = 0.1 * (high - low || high || 1); // a single value, or none but zeros, has a range, too
    return [unit === "share" || low < 0.5 * high ? 0 : low - room, high + room];
  };
  const isoDay = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const shortDay = (seconds) => new Date(seconds * 1000).toLocaleDateString("en", { timeZone: "UTC", day: "numeric", month: "short", ...(days.length > 180 && { year: "2-digit", day: undefined }) });
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  let charts = [];

  function draw() {
    for (const chart of charts) chart.destroy();
    charts = lines.map((line, number) => {
      const figure = place.querySelectorAll("figure")[number];
      const box = figure.querySelector(".plot");
      const readout = figure.querySelector(".readout");
      const outside = line.values.map((value, at) =>
        value !== null && line.high[at] !== null && (value < line.low[at] || value > line.high[at]) ? value : null,
      );
      const tell = (at) => {
        const value = at === null ? null : line.values[at];
        if (at === null) readout.textContent = "";
        else if (value === null) readout.textContent = `${isoDay(days[at])}: not there`;
        else {
          const usual = line.high[at] === null ? "" : `, usually ${write[line.unit](line.low[at])} to ${write[line.unit](line.high[at])}`;
          readout.textContent = `${isoDay(days[at])}: ${write[line.unit](value)}${usual}`;
        }
      };
      const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
      const options = {
        width: Math.max(240, box.clientWidth),
        height: 150,
        padding: [8, 18, 0, 0],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        legend: { show: false },
        cursor: { sync: { key: "days" }, points: { size: 7 }, drag: { x: true, y: false, dist: 6 }, bind: {} },
        scales: { y: { range: (_, low, high) => rangeOf(line.unit, low, high) } },
        axes: [
          { ...axis, size: 24, space: 64, values: (_, ticks) => ticks.map(shortDay) },
          { ...axis, size: 58, values: (_, ticks) => ticks.map(short[line.unit]) },
        ],
        series: [
          {},
          { stroke: "transparent", points: { show: false } },
          { stroke: "transparent", points: { show: false } },
          { stroke: color("--bar"), width: 1.5, points: { show: days.length < 100, size: 4, fill: color("--bar") } },
          { stroke: color("--bad"), paths: () => null, points: { show: true, size: 8, width: 2, fill: color("--panel") } },
        ],
        bands: [{ series: [1, 2], fill: color("--band") }],
        hooks: { setCursor: [(chart) => tell(chart.cursor.idx ?? null)] },
      };
      const chart = new uPlot(options, [days, line.high, line.low, line.values, outside], box);
      let began = null;
      chart.over.addEventListener("mousedown", (event) => (began = event.clientX));
      chart.over.addEventListener("click", (event) => {
        const at = chart.cursor.idx;
        if (at !== null && at !== undefined && Math.abs(event.clientX - began) < 4) location.href = place.dataset.path + isoDay(days[at]);
      });
      return chart;
    });
  }

  draw();
  root.addEventListener("theme", draw);
  new ResizeObserver(() => {
    charts.forEach((chart) => {
      const width = Math.max(240, chart.root.parentElement.clientWidth);
      if (Math.abs(width - chart.width) > 1) chart.setSize({ width, height: 150 });
    });
  }).observe(place);
})();
