import './scenarios/reading.js';
