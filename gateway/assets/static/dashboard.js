// The dashboard's own script: it keeps pages moving, and spares people work. Every page works without it.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const language = document.documentElement.lang;

// Live: the stream says that something changed, the page is fetched anew, and what differs is exchanged.

const REFRESH_EVERY_MS = 500;
let seen = document.body.dataset.live;
let stream = null;
let refreshing = false;
let wanted = false;
let lastRefresh = 0;

function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource(`/dashboard/live?after=${seen}`);
  stream.addEventListener("change", (event) => {
    seen = event.lastEventId;
    refreshSoon();
  });
  stream.onopen = () => {
    const back = document.body.dataset.stream === "lost";
    document.body.dataset.stream = "open";
    // What was under way when the page was made may have ended before anybody listened.
    if (back || $("[data-live-part] :is(.badge-pending, .badge-processing)")) refreshSoon();
  };
  stream.onerror = () => {
    document.body.dataset.stream = "lost";
    if (stream && stream.readyState === EventSource.CLOSED) {
      hush();
      setTimeout(listen, 3000);
      refreshSoon();
    }
  };
}

function hush() {
  stream?.close();
  stream = null;
}

function refreshSoon() {
  if (wanted) return;
  wanted = true;
  setTimeout(refresh, Math.max(0, lastRefresh + REFRESH_EVERY_MS - Date.now()));
}

async function refresh() {
  if (refreshing) return setTimeout(refresh, 100);
  wanted = false;
  refreshing = true;
  lastRefresh = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.status === 401) location.reload();
    if (answer.ok) keepFocus(exchange, new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The server is away; the stream comes back with it and asks again.
  } finally {
    refreshing = false;
  }
}

function exchange(fresh) {
  // Another window has switched the mode: nothing live may appear under a strip that says test.
  if (fresh.body.dataset.mode !== document.body.dataset.mode) return location.reload();
  tellTime(fresh);
  for (const part of $$("[data-live-part]")) {
    const now = fresh.getElementById(part.id);
    if (now) keepOpen(part, now);
    if (!now || now.isEqualNode(part)) continue;
    const rows = $("[data-rows]", part);
    const freshRows = $("[data-rows]", now);
    if (rows && freshRows) exchangeRows(rows, freshRows);
    else if (!isInUse(part)) part.replaceChildren(...now.childNodes);
  }
}

// What somebody has unfolded stays unfolded.
function keepOpen(part, now) {
  for (const details of $$("details[id]", part)) {
    const twin = $(`#${details.id}`, now);
    if (twin) twin.open = details.open;
  }
}

// Rows are told apart by their ids: each appears once, whatever the stream repeats.
function exchangeRows(rows, fresh) {
  const known = new Map([...rows.children].map((row) => [row.id, row]));
  let added = 0;
  const next = [...fresh.children].map((row) => {
    const old = known.get(row.id);
    if (!old) {
      added += 1;
      row.classList.add("fresh");
      return row;
    }
    return isInUse(old) || old.isEqualNode(row) ? old : row;
  });
  arrange(rows, next);
  if (added) $("#announce").textContent = $("#announce").dataset.text.replace("{}", added);
}

// A row that is moved loses the focus inside it, so those that stay are not touched.
function arrange(rows, next) {
  for (const row of [...rows.children]) if (!next.includes(row)) row.remove();
  let place = rows.firstElementChild;
  for (const row of next) {
    if (row === place) place = place.nextElementSibling;
    else rows.insertBefore(row, place);
  }
}

// What somebody is about to send or to answer waits.
function isInUse(part) {
  const typed = $$("input, textarea", part).some((field) => field.value !== field.defaultValue);
  return typed || Boolean($("input:focus, textarea:focus, select:focus, :popover-open", part));
}

// The link or button under the keyboard is under it afterwards, too, if it is still there.
function keepFocus(change, fresh) {
  const focused = document.activeElement;
  const home = focused.closest("[data-rows] > [id], [data-live-part]");
  const place = home && $$("a, button, summary", home).indexOf(focused);
  change(fresh);
  if (!home || focused.isConnected) return;
  const twin = $$("a, button, summary", document.getElementById(home.id) ?? undefined)[place];
  if (twin?.textContent === focused.textContent) twin.focus({ preventScroll: true });
}

if ("live" in document.body.dataset) {
  listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return hush();
    listen();
    refreshSoon();
  });
  addEventListener("pagehide", hush);
}

// Times grow old by themselves.

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const ago = new Intl.RelativeTimeFormat(language, { style: "short" });

function tellTime(root = document) {
  for (const element of $$("[data-ago]", root)) {
    const time = element.closest("time");
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
    if (unit) element.textContent = ago.format(Math.trunc(seconds / unit[1]), unit[0]);
  }
}

setInterval(() => tellTime(), 30000);

// A form goes out once, however often it is clicked.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!sends(form, "post")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});

addEventListener("pageshow", () => {
  for (const form of $$("form[data-sent]")) delete form.dataset.sent;
  for (const button of $$("[aria-busy]")) button.removeAttribute("aria-busy");
});

// A field named `method` hides the form's own property of that name.
function sends(form, method) {
  return form.getAttribute("method") === method;
}

// Empty filters stay out of the address.
document.addEventListener("formdata", (event) => {
  if (!sends(event.target, "get")) return;
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit], .filters select")) event.target.form.requestSubmit();
});

// Copying, revealing, and the tip over a chart.

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.classList.add("copied");
    setTimeout(() => copy.classList.remove("copied"), 1500);
  }
  const reveal = event.target.closest("[data-reveal]");
  if (reveal) {
    const shown = $(`#${reveal.dataset.reveal}`).toggleAttribute("data-shown");
    reveal.setAttribute("aria-pressed", shown);
  }
});

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);

document.addEventListener("pointermove", (event) => {
  const bar = event.target.closest?.("[data-tip]");
  tip.hidden = !bar;
  if (!bar) return;
  tip.textContent = bar.dataset.tip;
  const left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8);
  tip.style.translate = `${left}px ${event.clientY - 36}px`;
});

// Keys: "/" goes to the search.

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  const search = $("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// What a notice said once it does not say again.

const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}
