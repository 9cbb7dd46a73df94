import './scenarios/ends.js';
