"""The core and its store. Knows neither providers, clocks nor HTTP."""
