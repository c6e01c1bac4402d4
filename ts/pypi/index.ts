export { PypiRegistry } from './classes.pypiregistry.js';
