FROM layerproof-lab/debian:bookworm AS build
WORKDIR /app
RUN echo base > base.txt
