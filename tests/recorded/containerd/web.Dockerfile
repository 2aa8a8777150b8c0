FROM layerproof-lab/debian:bookworm AS deps
WORKDIR /app
COPY package.json ./
RUN cat package.json
FROM deps AS build
COPY src ./src
RUN cat src/main.js > main.js && echo built
FROM scratch AS runtime
COPY --from=build /app/main.js /main.js
