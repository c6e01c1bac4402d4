export { CargoRegistry } from './classes.cargoregistry.js';
