"""Pages that are made on the server, without any script, and the one that hands the addon out.

Their links are relative: a proxy may hand them out below a path of its own.
"""

from html import escape

from starlette.responses import HTMLResponse

from pitboard import __version__

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""The Content-Security-Policy of the pages that have no script."""

NOT_ENCRYPTED = (
    '<p class="hint" role="note">This address is not encrypted: whoever is in your network can change the'
    " addon that you install from here, and what the userscript loads as an update. Put a proxy with TLS"
    " before this server.</p>"
)


def answer(text: str) -> HTMLResponse:
    """The answer with a page, which is not kept and may load nothing from elsewhere."""
    return HTMLResponse(text, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})


def addon_page(
    address: str, *, folder: str = "", up: str = "../", look_up: bool = True, exposed: bool = False
) -> str:
    """The page that hands the addon out, as HTML; `address` is the home's, which the addon asks.

    `folder` leads from the page to the zips, `up` to the home's first page; `look_up`: that one looks drivers
    up. `exposed`: the page comes over a network without TLS.
    """
    more = f' &middot; <a href="{up}">Look drivers up</a>' if look_up else ""
    return page(
        "Pitboard: the addon",
        "Driver stats in the iRacing forum",
        f"""<p>Each of these asks this server, <code>{escape(address)}</code>. You need one of them.</p>
{NOT_ENCRYPTED if exposed else ""}
<article><h2>Chrome, Edge, Chromium</h2><ol>
<li><a href="{folder}pitboard-chromium.zip">Download the extension</a> and unpack it into a folder
that stays.</li>
<li>Open <code>chrome://extensions</code> and switch <em>Developer mode</em> on.</li>
<li>Choose <em>Load unpacked</em>, and the folder.</li></ol></article>
<article><h2>Firefox</h2><ol>
<li><a href="{folder}pitboard-firefox.zip">Download the extension</a>.</li>
<li>Open <code>about:debugging#/runtime/this-firefox</code>, choose <em>Load Temporary Add-on</em>, and
the file.</li></ol>
<p class="hint">Firefox keeps it until you close the browser, because Mozilla has not signed it. The
userscript stays.</p>
</article>
<article><h2>Userscript, in every browser</h2><ol>
<li>Install Violentmonkey or Tampermonkey from your browser's add-on shop.</li>
<li><a href="{up}pitboard.user.js">Install the userscript</a>. It gets its updates from this server.</li>
<li>In Chrome and Edge 138 or newer: open the script manager's details on <code>chrome://extensions</code>,
and switch <em>Allow user scripts</em> on.</li></ol></article>
<p>Then open <a href="https://forums.iracing.com/">the forum</a>. The options are in the addon's menu.</p>
<footer>Pitboard {__version__}{more}</footer>""",
        up,
    )


def page(title: str, says: str, content: str, up: str = "") -> str:
    """A page round `content`; `up` leads from its folder to the server's first page."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{up}static/logo.svg"><link rel="stylesheet" href="{up}static/site.css"></head>
<body><main>
<header class="top"><img src="{up}static/logo.svg" alt="">
<h1>Pitboard<small>{says}</small></h1></header>
{content}
</main></body></html>"""
