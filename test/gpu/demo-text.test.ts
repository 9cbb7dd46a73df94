import './scenarios/demo-text.js';
