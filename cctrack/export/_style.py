"""How the page of `to_html` looks: light, dark, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #595959; --paper: #fff; --band: #f3f6f8; --line: #cdd3d8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ebed; --soft: #a9b1b8; --paper: #14181b; --band: #1d2327; --line: #3b444b; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main, footer { max-width: 1080px; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 1.5rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; min-width: 100%; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td, tbody th { max-width: 24rem; overflow-wrap: break-word; unicode-bidi: isolate; font-weight: normal; }
thead th { background: var(--band); white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--band); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.more, footer { color: var(--soft); font-size: .875rem; }
footer { margin-top: 3rem; padding-bottom: 1.5rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; }
li, p { overflow-wrap: anywhere; }
@page { size: landscape; margin: 1.2cm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --band: #f3f6f8; --line: #bbb; }
  body { font-size: 10pt; }
  table { font-size: 7.5pt; }
  .scroll { overflow: visible; }
  td, th { overflow-wrap: anywhere; white-space: normal; }
  tr, figure { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""
