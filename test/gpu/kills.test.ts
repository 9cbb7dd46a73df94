import './scenarios/kills.js';
