import './scenarios/filter.js';
