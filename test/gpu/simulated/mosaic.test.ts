import '../use-simulator.js';
import '../scenarios/mosaic.js';
