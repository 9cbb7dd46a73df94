import './scenarios/mosaic.js';
