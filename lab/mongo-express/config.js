// Laid over config.default.js. Version 1.0.2 does not start without a session secret; the official image has a
// constant one, this has a new one at each start.
import { randomBytes } from "node:crypto";

const secret = () => randomBytes(32).toString("hex");

export default {
  site: {
    cookieSecret: process.env.ME_CONFIG_SITE_COOKIESECRET || secret(),
    sessionSecret: process.env.ME_CONFIG_SITE_SESSIONSECRET || secret(),
  },
};
