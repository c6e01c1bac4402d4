export { OciRegistry } from './classes.ociregistry.js';
