"""What a release shows to people: its card, its licence files, `croissant.json` and `report.html`, all from its files.

- the card: `context` (what it shows besides the manifest), `render`, `front_matter`, `columns`, `tables`, `_sections`,
  `_limits`, `licences`, `maintainers`, `pictures`, and the templates `*.md.jinja`;
- Croissant metadata: `croissant`;
- the report of an audit: `report`, `_charts`, `_panel_charts`, `_plotting`, `_report_tables`, and `report.*`;
- for all: `_words`.
"""
