FROM layerproof-lab/debian:bookworm
WORKDIR /app
COPY src ./src
RUN cat src/main.js
