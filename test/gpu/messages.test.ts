import './scenarios/messages.js';
