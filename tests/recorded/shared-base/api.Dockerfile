FROM base-tiny:latest AS deps
COPY package.json ./
RUN echo deps
FROM deps AS build
RUN echo api
