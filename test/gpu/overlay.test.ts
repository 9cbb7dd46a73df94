import './scenarios/overlay.js';
