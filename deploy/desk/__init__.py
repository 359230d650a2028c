"""The desk: what people look at and work with, as one web server that renders its pages itself."""
