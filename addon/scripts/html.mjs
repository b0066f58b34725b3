/** Our texts for the shops as pages: the part of Markdown that they use. */

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const inline = (text) =>
  escaped(text)
    .replace(/\*\*(.+?)\*\*/g, "<b>$1</b>")
    .replace(/`(.+?)`/g, "<code>$1</code>");

function block(text) {
  const joined = text.replace(/\n\s*(?!- )/g, " ");
  if (joined.startsWith("# ")) return `<h1>${inline(joined.slice(2))}</h1>`;
  if (!joined.startsWith("- ")) return `<p>${inline(joined)}</p>`;
  const items = joined.split(/\n?- (?=\*\*)/).filter(Boolean);
  return `<ul>\n${items.map((item) => `<li>${inline(item.trim())}</li>`).join("\n")}\n</ul>`;
}

/** A page for a text with a title, paragraphs and one level of lists. */
export function htmlOf(markdown) {
  const blocks = markdown
    .trim()
    .split(/\n{2,}/)
    .map(block);
  const title = escaped(/^# (.+)/.exec(markdown)?.[1] ?? "");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Pitboard</title>
<style>body{max-width:720px;margin:40px auto;padding:0 20px;font:16px/1.6 system-ui,sans-serif;color-scheme:light dark}li{margin-block-end:10px}</style>
${blocks.join("\n")}
</html>
`;
}
