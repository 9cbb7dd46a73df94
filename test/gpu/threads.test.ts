import './scenarios/threads.js';
