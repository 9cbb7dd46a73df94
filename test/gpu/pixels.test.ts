import './scenarios/pixels.js';
