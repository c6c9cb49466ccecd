"""Nielsen's network.py in today's Python: one example at a time, columns of NumPy, the book's own loops.

Nothing is shared with the library. What chance decides is handed in: the initial weights and biases, and the order of
the examples in each epoch.
"""

import numpy as np


class BookNetwork:
    def __init__(self, weights, biases):
        self.weights, self.biases = list(weights), list(biases)

    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def SGD(self, training_data, orders, mini_batch_size, eta, test_data):
        """Train for an epoch per order; return the right answers after each."""
        counts = []
        for order in orders:
            for k in range(0, len(order), mini_batch_size):
                self.update_mini_batch([training_data[i] for i in order[k : k + mini_batch_size]], eta)
            counts.append(sum(int(np.argmax(self.feedforward(x)) == y) for x, y in test_data))
        return counts

    def update_mini_batch(self, mini_batch, eta):
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        for x, y in mini_batch:
            delta_w, delta_b = self.backprop(x, y)
            nabla_w = [n + d for n, d in zip(nabla_w, delta_w, strict=True)]
            nabla_b = [n + d for n, d in zip(nabla_b, delta_b, strict=True)]
        rate = eta / len(mini_batch)
        self.weights = [w - rate * n for w, n in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * n for b, n in zip(self.biases, nabla_b, strict=True)]

    def backprop(self, x, y):
        activations, zs = [x], []
        for w, b in zip(self.weights, self.biases, strict=True):
            zs.append(np.dot(w, activations[-1]) + b)
            activations.append(sigmoid(zs[-1]))
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        nabla_w, nabla_b = [np.dot(delta, activations[-2].T)], [delta]
        for l in range(2, len(activations)):
            delta = np.dot(self.weights[-l + 1].T, delta) * sigmoid_prime(zs[-l])
            nabla_w.insert(0, np.dot(delta, activations[-l - 1].T))
            nabla_b.insert(0, delta)
        return nabla_w, nabla_b


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))
