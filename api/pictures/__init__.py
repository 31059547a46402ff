"""Reports as pictures: SVG, drawn without scripts or libraries, for light and for dark."""
