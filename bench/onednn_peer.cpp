/*
 * onednn_peer.cpp: one layer of oneDNN (2.x or 3.x) behind four C functions, for peers.py.
 *
 * Weights are put into the layout that oneDNN asks for when the layer is made; the layer below (x) and
 * y stay in the caller's plain arrays.
 */
#include <dnnl.hpp>

#include <cstdio>
#include <string>
#include <unordered_map>

using namespace dnnl;
using tag = memory::format_tag;

namespace {

struct peer {
    engine cpu{engine::kind::cpu, 0};
    stream queue{cpu};
    primitive layer;
    std::unordered_map<int, memory> args;
};

memory::desc desc(const memory::dims &dims, tag layout) {
    return {dims, memory::data_type::f32, layout};
}

#if DNNL_VERSION_MAJOR >= 3
template <typename Layer, typename... Args>
typename Layer::primitive_desc describe(const engine &cpu, Args... args) {
    return {cpu, args...};
}
#else
template <typename Layer, typename... Args>
typename Layer::primitive_desc describe(const engine &cpu, Args... args) {
    return {typename Layer::desc(args...), cpu};
}
#endif

template <typename Desc>
void make(peer &p, const Desc &layer, const memory &w_ih, const memory &w_hh) {
    const std::pair<int, std::pair<memory, memory::desc>> weights[] = {
        {DNNL_ARG_WEIGHTS_LAYER, {w_ih, layer.weights_layer_desc()}},
        {DNNL_ARG_WEIGHTS_ITER, {w_hh, layer.weights_iter_desc()}}};
    for (const auto &weight : weights) {
        memory from = weight.second.first, to(weight.second.second, p.cpu);
        reorder(from, to).execute(p.queue, from, to);
        p.args[weight.first] = to;
    }
    p.queue.wait();
}

} // namespace

extern "C" {

const char *onednn_version(void) {
    static const std::string text = std::to_string(version()->major) + "." +
                                    std::to_string(version()->minor) + "." +
                                    std::to_string(version()->patch);
    return text.c_str();
}

/* cell: 0 rnn, 1 lstm (i, f, g, o), 2 gru (u, r, o; four biases: the last one within the reset).
 * w_ih [I][G][H] and w_hh [H][G][H] are copied, bias, x and y are kept. NULL if oneDNN refuses. */
void *onednn_create(int cell, int steps, int batch, int inputs, int hidden, float *w_ih, float *w_hh,
                    float *bias, float *x, float *y) {
    try {
        auto p = new peer;
        const int gates[] = {1, 4, 3}, biases[] = {1, 4, 4};
        const memory::dims dims_ih = {1, 1, inputs, gates[cell], hidden},
                           dims_hh = {1, 1, hidden, gates[cell], hidden};
        const auto src = desc({steps, batch, inputs}, tag::tnc),
                   dst = desc({steps, batch, hidden}, tag::tnc),
                   b = desc({1, 1, biases[cell], hidden}, tag::ldgo);
        const auto any_ih = desc(dims_ih, tag::any), any_hh = desc(dims_hh, tag::any);
        const auto plain_ih = memory(desc(dims_ih, tag::ldigo), p->cpu, w_ih),
                   plain_hh = memory(desc(dims_hh, tag::ldigo), p->cpu, w_hh);
        const auto kind = prop_kind::forward_inference;
        const auto forward = rnn_direction::unidirectional_left2right;
        const memory::desc none;
        if (cell == 0) {
            const auto d = describe<vanilla_rnn_forward>(p->cpu, kind, algorithm::eltwise_tanh,
                                                         forward, src, none, any_ih, any_hh, b, dst,
                                                         none);
            make(*p, d, plain_ih, plain_hh);
            p->layer = vanilla_rnn_forward(d);
        } else if (cell == 1) {
            const auto d = describe<lstm_forward>(p->cpu, kind, forward, src, none, none, any_ih,
                                                  any_hh, b, dst, none, none);
            make(*p, d, plain_ih, plain_hh);
            p->layer = lstm_forward(d);
        } else {
            const auto d = describe<lbr_gru_forward>(p->cpu, kind, forward, src, none, any_ih, any_hh,
                                                     b, dst, none);
            make(*p, d, plain_ih, plain_hh);
            p->layer = lbr_gru_forward(d);
        }
        p->args[DNNL_ARG_SRC_LAYER] = memory(src, p->cpu, x);
        p->args[DNNL_ARG_BIAS] = memory(b, p->cpu, bias);
        p->args[DNNL_ARG_DST_LAYER] = memory(dst, p->cpu, y);
        return p;
    } catch (const error &e) {
        std::fprintf(stderr, "onednn_peer: %s\n", e.what());
        return nullptr;
    }
}

void onednn_forward(void *handle) {
    auto p = static_cast<peer *>(handle);
    p->layer.execute(p->queue, p->args);
    p->queue.wait();
}

void onednn_free(void *handle) {
    delete static_cast<peer *>(handle);
}
}
