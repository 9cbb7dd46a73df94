import './scenarios/copies.js';
