export { MavenRegistry } from './classes.mavenregistry.js';
