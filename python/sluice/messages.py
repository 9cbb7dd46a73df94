class Message: pass
class MessagePublisher: pass
class MessageSubscriber: pass
