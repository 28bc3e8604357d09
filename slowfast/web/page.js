// Says below an upload's box why a file is not taken, before it is sent, and that a video cannot be
// played here: Gradio's own messages are errors that are gone after some seconds.
(() => {
  const LIMIT_MB = __LIMIT_MB__;
  const ENDINGS = __ENDINGS__;

  const fault = (file) => {
    const name = file.name.toLowerCase();
    if (!file.type.startsWith("video/") && !ENDINGS.some((ending) => name.endsWith(ending)))
      return `${file.name} is not a video.`;
    if (name.startsWith(".")) return `${file.name} begins with a dot: rename it first.`;
    if (file.size === 0) return `${file.name} is empty.`;
    if (file.size > LIMIT_MB * 1024 * 1024)
      return `${file.name} has ${Math.ceil(file.size / 1024 / 1024)} MB: ` +
        `this page takes up to ${LIMIT_MB} MB.`;
    return "";
  };

  const say = (box, text, kind) => {
    box.parentElement.querySelectorAll(":scope > .beside").forEach((old) => old.remove());
    if (!text) return;
    const said = document.createElement("p");
    said.className = `beside ${kind}`;
    said.setAttribute("role", "alert");
    said.textContent = text;
    box.after(said);
  };

  let isPassing = false;

  const guard = (event, files) => {
    const box = event.target.closest?.(".upload");
    if (isPassing || !box || !files?.length) return;
    const faults = [...files].map(fault);
    say(box, faults.filter(Boolean).join(" "), "fault");
    if (!faults.some(Boolean)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const good = new DataTransfer();
    [...files].forEach((file, i) => faults[i] || good.items.add(file));
    const input = box.querySelector("input[type=file]");
    if (!input) return;
    input.files = good.files;
    if (!good.files.length) return;
    isPassing = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    isPassing = false;
  };

  const unplayable = (event) => {
    const box = event.target.closest?.(".upload");
    if (!box || event.target.tagName !== "VIDEO") return;
    event.stopImmediatePropagation();
    say(box, "This browser cannot play this file; it can be read all the same.", "said");
  };

  const forget = (event) => {
    const box = event.target.closest?.("button") && event.target.closest(".upload");
    if (box) say(box, "");
  };

  document.addEventListener("click", forget, true);
  document.addEventListener("change", (event) => guard(event, event.target.files), true);
  document.addEventListener("drop", (event) => guard(event, event.dataTransfer?.files), true);
  document.addEventListener("error", unplayable, true);
})();
