FROM layerproof-lab/debian:bookworm
WORKDIR /app
COPY src ./src
RUN wc src/main.js
