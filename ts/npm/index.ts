export { NpmRegistry } from './classes.npmregistry.js';
