import './scenarios/taps.js';
