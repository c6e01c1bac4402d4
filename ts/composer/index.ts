export { ComposerRegistry } from './classes.composerregistry.js';
