"""Pure functions from what is stored to what is shown: no Gradio, no runtime, nothing kept."""
