"""How long customers wait: working hours, clocks, policies and the flags that they raise."""
