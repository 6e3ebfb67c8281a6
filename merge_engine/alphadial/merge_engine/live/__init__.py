"""theta(alpha) inside a running vLLM: its plugin, and the gateway in front of it. Importing this loads no vLLM."""
