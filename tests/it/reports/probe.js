// Runs in the harness page, beside the frame with the report. Writes what it sees as JSON into #seen.
const frame = document.getElementById("page");

function channels(color) {
  const parts = color.match(/[\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// The first opaque background behind an element.
function behind(element, view) {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(view.getComputedStyle(at).backgroundColor);
    if (color.alpha === 1) return color.rgb;
  }
  return [255, 255, 255];
}

function faint(doc, view) {
  const found = [];
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility()) continue;
    const [one, two] = [channels(view.getComputedStyle(element).color).rgb, behind(element, view)].map(luminance);
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return [...new Set(found)].slice(0, 20);
}

// Elements that stick out of the window, without those a scrolling box holds.
function wide(doc, view) {
  const held = (element) => [...function* () { for (let at = element.parentElement; at; at = at.parentElement) yield at; }()].some((at) => view.getComputedStyle(at).overflowX !== "visible");
  const out = [...doc.body.querySelectorAll("*")].filter((element) => element.getBoundingClientRect().right > view.innerWidth + 1 && !held(element));
  return out.map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`).slice(0, 10);
}

frame.addEventListener("load", () => {
  const view = frame.contentWindow;
  const doc = frame.contentDocument;
  const acts = [...doc.querySelectorAll("*")].filter((element) =>
    element.matches("script, img, iframe, object, embed, form, link, svg") || [...element.attributes].some((attribute) => attribute.name.startsWith("on")));
  document.getElementById("seen").textContent = JSON.stringify({
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    styled: view.getComputedStyle(doc.querySelector("main")).maxWidth === "1088px",
    overflow: Math.max(0, doc.documentElement.scrollWidth - view.innerWidth),
    wide: wide(doc, view),
    active: acts.length,
    articles: doc.querySelectorAll("article").length,
    faint: faint(doc, view),
  });
});
