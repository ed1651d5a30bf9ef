// The API reference: copying, and one choice of language for all examples. The page works without it.

const LANGUAGE = "docs-language";

function choose(language) {
  for (const tab of document.querySelectorAll(`[data-language="${CSS.escape(language)}"]`)) tab.checked = true;
}

document.addEventListener("change", (event) => {
  const { language } = event.target.dataset;
  if (!language) return;
  // The examples above change their height; what was clicked stays where it is.
  const before = event.target.getBoundingClientRect().top;
  choose(language);
  localStorage.setItem(LANGUAGE, language);
  scrollBy({ top: event.target.getBoundingClientRect().top - before, behavior: "instant" });
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
});

// Without TLS, and off this machine, browsers give no clipboard.
if (!navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.remove();

const known = localStorage.getItem(LANGUAGE);
if (known) choose(known);

if (matchMedia("(width < 64rem)").matches) document.querySelector("[data-contents]").open = false;
