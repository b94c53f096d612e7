export { hasRedis, startRedis, type RedisServer } from './redis-server.js';
export { ModelHost, type ModelHostOptions } from '../../sessions/models.js';
export { pacsSeriesSource } from '../../sessions/pacs-source.js';
