import './scenarios/views.js';
