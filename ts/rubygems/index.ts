export { RubyGemsRegistry } from './classes.rubygemsregistry.js';
