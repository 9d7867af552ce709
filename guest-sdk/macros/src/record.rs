//! The two derives: a struct with named fields, each a named value.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::field::{Default, Field};
use crate::text;

/// Most inputs, and most outputs. From the step ABI, section 5.
const MAX_ITEMS: usize = 256;

/// Implements `Input`.
pub(crate) fn expand_input(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let fields = fields(&item, "input")?;
    let spec = fields.iter().enumerate().map(|(place, field)| input_spec(place, field));
    let takes = fields.iter().map(take);
    let names = fields.iter().map(|field| &field.name);
    // Outside of the implementation a type with parameters has no name.
    let plain = item.generics.params.is_empty();
    let checks = fields.iter().filter(|_| plain).filter_map(check_default);
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::stepwell_sdk::Input for #ident #type_generics #bounds {
            const SPEC: &'static [&'static str] = &[#(#spec)*];
            const NAMES: &'static [&'static str] = &[#(#names),*];

            #[allow(unused_mut, reason = "a struct without fields takes nothing")]
            fn from_items(mut items: ::stepwell_sdk::Items) -> ::core::result::Result<Self, ::stepwell_sdk::Failure> {
                #(#takes)*
                items.finish()?;
                // What could not be taken made `finish` fail.
                ::core::option::Option::ok_or_else(
                    (|| ::core::option::Option::Some(Self { #(#idents: #idents?),* }))(),
                    || ::stepwell_sdk::Failure::internal("an input was not taken"),
                )
            }
        }

        #(#checks)*
    })
}

/// Implements `Output`.
pub(crate) fn expand_output(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let fields = fields(&item, "output")?;
    let spec = fields.iter().enumerate().map(|(place, field)| output_spec(place, field));
    let names = fields.iter().map(|field| &field.name);
    let idents = fields.iter().map(|field| &field.ident);
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::stepwell_sdk::Output for #ident #type_generics #bounds {
            const SPEC: &'static [&'static str] = &[#(#spec)*];

            fn into_items(self) -> ::core::result::Result<::stepwell_sdk::OutputItems, ::stepwell_sdk::Failure> {
                #[allow(unused_mut, reason = "a struct without fields puts nothing")]
                let mut items = <::stepwell_sdk::OutputItems as ::core::default::Default>::default();
                #(items.put(#names, self.#idents)?;)*
                ::core::result::Result::Ok(items)
            }
        }
    })
}

fn fields(item: &DeriveInput, attribute: &str) -> Result<Vec<Field>> {
    let named = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => named.named.clone(),
            Fields::Unit => return Ok(Vec::new()),
            Fields::Unnamed(_) => return Err(unfit(item, attribute)),
        },
        Data::Enum(_) | Data::Union(_) => return Err(unfit(item, attribute)),
    };
    let fields = named.into_iter().map(|field| Field::parse(field, attribute)).collect::<Result<Vec<_>>>()?;
    for (place, field) in fields.iter().enumerate() {
        if fields[..place].iter().any(|earlier| earlier.name == field.name) {
            return Err(Error::new(field.place, format!("there are two {attribute}s named `{}`", field.name)));
        }
    }
    if let Some(beyond) = fields.get(MAX_ITEMS) {
        return Err(Error::new(beyond.place, format!("a step has at most {MAX_ITEMS} {attribute}s")));
    }
    Ok(fields)
}

fn unfit(item: &DeriveInput, attribute: &str) -> Error {
    Error::new(item.ident.span(), format!("{attribute}s are the named fields of a struct"))
}

fn take(field: &Field) -> TokenStream {
    let Field { ident, name, ty, .. } = field;
    match &field.default {
        None => quote! { let #ident = items.take::<#ty>(#name); },
        Some((default, _)) => {
            let value = default_value(default);
            quote! { let #ident = items.take_or::<#ty>(#name, || #value); }
        }
    }
}

/// Returns the check that a default is of the type of its field, which only the compiler knows. None without a default.
fn check_default(field: &Field) -> Option<TokenStream> {
    let (default, place) = field.default.as_ref()?;
    let (ty, declared) = (&field.ty, default.declared_type());
    let problem = format!("the default of `{}` is of type `{declared}`, and the input is not", field.name);
    let variant = match default {
        Default::Text(text) => {
            let problem = format!("the default of `{}` is `{text}`, which is none of its variants", field.name);
            quote_spanned! { *place =>
                ::core::assert!(::stepwell_sdk::expansion::has_variant::<#ty>(#text), "{}", #problem);
            }
        }
        Default::Number(_) | Default::Boolean(_) | Default::Empty(_) => TokenStream::new(),
    };
    Some(quote_spanned! { *place =>
        const _: () = {
            ::core::assert!(
                ::stepwell_sdk::expansion::same(<#ty as ::stepwell_sdk::FromValue>::TYPE, #declared),
                "{}",
                #problem
            );
            #variant
        };
    })
}

fn default_value(default: &Default) -> TokenStream {
    match default {
        Default::Text(text) => {
            quote! { ::stepwell_sdk::Value::Text(::std::string::ToString::to_string(#text)) }
        }
        Default::Number(number) => quote! { ::stepwell_sdk::Value::Number(#number) },
        Default::Empty(json) => quote! { ::stepwell_sdk::Value::Json(::std::string::ToString::to_string(#json)) },
        Default::Boolean(boolean) => quote! { ::stepwell_sdk::Value::Boolean(#boolean) },
    }
}

fn input_spec(place: usize, field: &Field) -> TokenStream {
    let (head, tail, ty, sensitive) = (head(place, field), tail(field), &field.ty, field.sensitive);
    quote! {
        #head,
        <#ty as ::stepwell_sdk::FromValue>::TYPE,
        "\"",
        ::stepwell_sdk::expansion::optional(<#ty as ::stepwell_sdk::FromValue>::OPTIONAL),
        ::stepwell_sdk::expansion::sensitive(#sensitive || <#ty as ::stepwell_sdk::FromValue>::SENSITIVE),
        #tail,
    }
}

fn output_spec(place: usize, field: &Field) -> TokenStream {
    let (head, tail, ty, sensitive) = (head(place, field), tail(field), &field.ty, field.sensitive);
    quote! {
        #head,
        <#ty as ::stepwell_sdk::IntoValue>::TYPE,
        "\"",
        ::stepwell_sdk::expansion::sensitive(#sensitive || <#ty as ::stepwell_sdk::IntoValue>::SENSITIVE),
        #tail,
    }
}

/// Returns the text of an entry up to the name of its type.
fn head(place: usize, field: &Field) -> String {
    let comma = if place == 0 { "" } else { "," };
    format!("{comma}{}:{{\"type\":\"", text::quoted(&field.name))
}

/// Returns the text of an entry after what its type decides.
fn tail(field: &Field) -> String {
    let description = field.description.as_deref().map(|text| format!(",\"description\":{}", text::quoted(text)));
    let default = field.default.as_ref().map(|(default, _)| format!(",\"default\":{}", default.json()));
    [description, default].into_iter().flatten().chain(["}".to_owned()]).collect()
}
