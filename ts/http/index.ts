export { createNodeServer } from './classes.nodeserver.js';
export { toFetchHandler } from './helpers.fetchhandler.js';
export { type IHealthOptions, withHealth } from './helpers.health.js';
export { type TNodeListener, toNodeListener } from './helpers.nodelistener.js';
export type * from './interfaces.http.js';
